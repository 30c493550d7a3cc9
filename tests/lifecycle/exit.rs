//! How processes end, and what of their spans arrives.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, getuid, kill_process};
use tracer_tests::receiver::Receiver;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tracer-test-process");
const SPANS: usize = 10;
/// What the program gives its guard, and the milliseconds that are granted on top.
const TIMEOUT_MILLIS: u64 = 300;
const GRACE_MILLIS: u64 = 50;

fn start(how: &str, collector: SocketAddr) -> Child {
    Command::new(PROGRAM)
        .arg(how)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program")
}

fn run(how: &str, collector: SocketAddr) -> Output {
    start(how, collector).wait_with_output().expect("the end")
}

fn spans(receiver: &Receiver) -> usize {
    let requests = receiver.take().into_iter();
    let resources = requests.flat_map(|(_, request)| request.resource_spans);
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

#[test]
fn process_that_drops_its_guard_loses_nothing() {
    let receiver = Receiver::start().unwrap();
    for (how, code) in [
        ("return", 0),
        ("return without a word", 0),
        ("exit", 0),
        ("panic", 101),
    ] {
        let ended = run(how, receiver.http);
        assert_eq!(ended.status.code(), Some(code), "{how}");
        assert_eq!(spans(&receiver), SPANS, "{how}");
    }
}

#[test]
fn service_that_returns_on_a_signal_loses_nothing() {
    let receiver = Receiver::start().unwrap();
    let mut service = start("terminate", receiver.http);
    let mut line = String::new();
    let output = service.stdout.as_mut().expect("piped");
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert_eq!(line, "waiting\n");
    let pid = Pid::from_raw(i32::try_from(service.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).expect("signal");
    assert!(service.wait().expect("the end").success());
    assert_eq!(spans(&receiver), SPANS);
}

/// Not promised, as the documentation says: but it ends at once, and nothing comes twice.
#[test]
fn process_that_exits_with_its_guard_in_hand_ends_well() {
    let receiver = Receiver::start().unwrap();
    let ended = run("exit with the guard", receiver.http);
    assert_eq!(ended.status.code(), Some(0));
    assert!(spans(&receiver) <= SPANS);
}

#[test]
fn collector_that_hangs_delays_the_end_by_no_more_than_the_deadline() {
    // Takes connections and never reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    for how in ["return", "exit"] {
        let mut took = Vec::new();
        // One of several has to be in time, because a busy machine may set a process aside.
        let in_time = (0..20).any(|_| {
            let ended = run(how, address);
            assert_eq!(ended.status.code(), Some(0), "{how}");
            let millis = String::from_utf8(ended.stdout).unwrap();
            let millis = millis.trim().parse::<u64>().expect("milliseconds");
            assert!(millis >= TIMEOUT_MILLIS, "{how}: {millis}");
            took.push(millis);
            millis <= TIMEOUT_MILLIS + GRACE_MILLIS
        });
        assert!(in_time, "{how}: {took:?}");
    }
}

/// Two exporters and a worker: three threads, of which the first, second and third is not to be had.
#[test]
#[cfg(target_os = "linux")]
fn process_without_threads_is_told_so_and_none_is_left_behind() {
    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    fs::copy(PROGRAM, &program).unwrap();
    for path in [folder.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut starved = Command::new(&program);
    starved.arg("starved").current_dir("/");
    // The limit does not hold for root, and others of the same user may come and go.
    let alone = getuid().is_root();
    if alone {
        starved.uid(NOBODY).gid(NOBODY);
    }
    let ended = starved.output().expect("the program");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let failures: u64 = String::from_utf8_lossy(&ended.stdout)
        .trim()
        .parse()
        .expect("a number");
    assert!(
        failures == 3 || failures > 0 && !alone,
        "{failures} failures"
    );
}
