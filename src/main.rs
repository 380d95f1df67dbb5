//! Parses the command line and calls `cli`; nothing else.

fn main() -> std::process::ExitCode {
    authward::cli::main()
}
