//! What one password check costs: `cargo bench --bench passwords` prints CPU milliseconds, the figure that survives a
//! machine with other work.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use authward::domain::secret::Secret;
use authward::entropy::Entropy;
use authward::passwords::Passwords;
use authward::settings::{PasswordHashing, Settings};

const ROUNDS: usize = 5;
const CHECKS: u32 = 40;

fn main() {
    let options = PasswordHashing { threads: 1, ..Settings::defaults().accounts.passwords };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let passwords = Passwords::new(&options, Entropy::Os).expect("threads");
        let password = Secret::new("a tram stop under seven maples");
        let stored = passwords.hash(&password).await.expect("a hash");
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let before = cpu_milliseconds();
            for _ in 0..CHECKS {
                assert!(passwords.verify(&password, Some(stored.clone())).await.expect("an answer"));
            }
            rounds.push((cpu_milliseconds() - before) / f64::from(CHECKS));
        }
        rounds.sort_by(f64::total_cmp);
        let (least, median, most) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
        println!("{} KiB, {} iterations: {median:.1} ms ({least:.1}-{most:.1})", options.memory, options.iterations);
    });
}

/// CPU time of all threads of this process.
fn cpu_milliseconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    let files = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok());
    files.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e6
}
