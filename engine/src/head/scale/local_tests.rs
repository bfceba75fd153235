//! Real processes: shells that stand in for workers.

use std::fs;
use std::path::Path;

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// A provider whose workers run `script` with `$2` as their name.
fn local(folder: &Path, script: &str, grace: Duration) -> Local {
    let file = folder.join("worker.sh");
    fs::write(&file, script).unwrap();
    Local::new(LocalSettings {
        program: "/bin/sh".into(),
        arguments: vec![file.to_string_lossy().into_owned()],
        prefix: "local".to_owned(),
        log_folder: folder.to_owned(),
        grace,
        variables: vec![("OF_THE_POOL".to_owned(), SecretText::new("its own"))],
    })
}

async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !look().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    assert!(tokio::time::timeout(SOON, wait).await.is_ok(), "waited in vain for: {what}");
}

async fn states(local: &Local) -> Vec<(String, InstanceState)> {
    local.list().await.unwrap().into_iter().map(|instance| (instance.id, instance.state)).collect()
}

fn pid(folder: &Path, name: &str) -> Option<i32> {
    fs::read_to_string(folder.join(format!("{name}.log"))).ok()?.lines().next()?.parse().ok()
}

fn exists(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

const OBEDIENT: &str = "trap 'echo left; exit 0' TERM\necho $$\nwhile read -r line; do :; done\necho orphaned\n";

#[tokio::test(flavor = "multi_thread")]
async fn launches_lists_and_retires() {
    let folder = tempfile::tempdir().unwrap();
    let local = local(folder.path(), OBEDIENT, SOON);
    assert_eq!(local.launch(2).await.unwrap(), ["local-1", "local-2"]);
    let running = |n: u32| (format!("local-{n}"), InstanceState::Running);
    assert_eq!(states(&local).await, [running(1), running(2)]);
    until("their numbers", async || [1, 2].iter().all(|n| pid(folder.path(), &format!("local-{n}")).is_some())).await;
    let first = pid(folder.path(), "local-1").unwrap();

    local.retire(&["local-1".to_owned(), "unknown".to_owned()]).await.unwrap();
    local.retire(&["local-1".to_owned()]).await.unwrap();
    until("one to leave", async || states(&local).await == [running(2)]).await;
    assert!(!exists(first), "a zombie was left");
    assert!(fs::read_to_string(folder.path().join("local-1.log")).unwrap().ends_with("left\n"));

    assert_eq!(local.launch(1).await.unwrap(), ["local-3"], "names are not used again");
    local.shutdown().await;
    assert!(states(&local).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_what_does_not_leave_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM\nsleep 1000 &\necho $!\nwait\nwait\nsleep 1000\n";
    let local = local(folder.path(), script, Duration::from_millis(200));
    local.launch(1).await.unwrap();
    until("its child", async || pid(folder.path(), "local-1").is_some()).await;
    let grandchild = pid(folder.path(), "local-1").unwrap();
    local.retire(&["local-1".to_owned()]).await.unwrap();
    assert_eq!(states(&local).await, [("local-1".to_owned(), InstanceState::Stopping)]);
    until("its end", async || states(&local).await.is_empty()).await;
    let is_dead = || fs::read_to_string(format!("/proc/{grandchild}/stat")).map_or(true, |stat| stat.contains(") Z "));
    until("its child's end", async || is_dead()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_by_itself_is_listed_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let local = local(folder.path(), "echo $$\nexit 3\n", SOON);
    local.launch(3).await.unwrap();
    until("their ends", async || states(&local).await.is_empty()).await;
    assert!(!exists(pid(folder.path(), "local-1").unwrap()), "a zombie was left");
}

#[test]
fn the_pipe_closes_with_the_head() {
    let folder = tempfile::tempdir().unwrap();
    let log = || fs::read_to_string(folder.path().join("local-1.log")).unwrap_or_default();
    // Its parent dies without a word while the worker is deaf to signals: only the pipe can tell it.
    let script = "trap '' TERM INT HUP\necho $$\nread -r line\necho orphaned\n";
    let worker = local(folder.path(), script, SOON);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut child = worker.spawn("local-1").unwrap();
        until("its number", async || pid(folder.path(), "local-1").is_some()).await;
        drop(child.stdin.take());
        assert!(tokio::time::timeout(SOON, child.wait()).await.unwrap().unwrap().success());
    });
    assert!(log().ends_with("orphaned\n"), "{}", log());
}

#[tokio::test]
async fn what_cannot_be_started_is_an_error_with_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut local = local(folder.path(), "", SOON);
    local.settings.program = "/no/such/program".into();
    let error = local.launch(1).await.unwrap_err();
    assert_eq!(error.kind, ProviderKind::Unavailable);
    assert_eq!(error.to_string(), "starting worker \"local-1\": No such file or directory (os error 2)");
    assert!(states(&local).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let local = local(folder.path(), "read -r line\n", Duration::from_secs(1));
    let error = local.launch(CHILDREN_MAX as u32 + 1).await.unwrap_err();
    assert_eq!(error.kind, ProviderKind::Invalid);
    assert_eq!(states(&local).await.len(), CHILDREN_MAX);
    local.shutdown().await;
    assert!(states(&local).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn has_the_variables_of_its_pool() {
    let folder = tempfile::tempdir().unwrap();
    let local = local(folder.path(), "echo \"$OF_THE_POOL\"\n", SOON);
    local.launch(1).await.unwrap();
    let log = folder.path().join("local-1.log");
    until("its word", async || fs::read_to_string(&log).is_ok_and(|said| said == "its own\n")).await;
}
