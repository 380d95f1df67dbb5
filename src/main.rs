fn main() {
    tracing_subscriber::fmt().with_env_filter("info").init();
    let settings = authward::settings::Settings::load(&authward::settings::Inputs::of_process(None)).map_err(|e| eprintln!("{e}")).expect("s");
    let sys = actix_web::rt::System::new();
    sys.block_on(authward::app::run(settings)).expect("run");
}
