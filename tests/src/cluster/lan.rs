//! A network of its own on this machine: a bridge, and for each worker a network namespace with a cable to it that can be
//! pulled. What runs there reaches heads and databases by that cable only; what is on the way when it is pulled is lost without
//! a word to either end.
//!
//! Needs root, iproute2 and util-linux. The bridge's name has its number, and no two have the same, so that the tests of several
//! processes do not meet.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::guard::Guard;

/// Networks 198.18.0.0/24 to 198.18.255.0/24, which RFC 2544 keeps for such uses.
const LANS_MAX: u32 = 256;

/// A network; gone when dropped, with all of its cables, and when the test's process is killed.
#[derive(Debug)]
pub struct Lan {
    number: u8,
    /// What each cable carries at the most, either way.
    megabits_per_second: Option<u32>,
    /// Which hosts of it are taken.
    hosts: Mutex<BTreeSet<u8>>,
    guard: Guard,
}

/// A namespace and its cable; gone when dropped.
#[derive(Debug)]
pub struct Wire {
    lan: Arc<Lan>,
    host: u8,
}

impl Lan {
    /// Makes one whose cables carry what they are given.
    ///
    /// # Errors
    /// In words, if this machine does not let it.
    pub fn lay() -> Result<Arc<Lan>, String> {
        Lan::lay_of(None)
    }

    /// Makes one whose cables carry `megabits_per_second` at the most, either way.
    ///
    /// # Errors
    /// As [`Lan::lay`].
    pub fn lay_of(megabits_per_second: Option<u32>) -> Result<Arc<Lan>, String> {
        run(Command::new("nsenter").arg("--version"))?;
        for number in (0..LANS_MAX).map(|attempt| (std::process::id().wrapping_add(attempt) % LANS_MAX) as u8) {
            let (hosts, guard) = (Mutex::default(), Guard::start());
            let lan = Lan { number, megabits_per_second, hosts, guard };
            // With an address of its own: else it takes that of one of its cables, and another one later.
            match ip(&format!("link add {} address 02:00:c6:12:{number:02x}:01 type bridge", lan.name())) {
                Err(why) if why.contains("File exists") => continue,
                made => made?,
            }
            lan.guard.network(&lan.name());
            ip(&format!("address add {}/24 dev {}", lan.address(), lan.name()))?;
            ip(&format!("link set {} up", lan.name()))?;
            // What this machine cannot do is found here.
            let lan = Arc::new(lan);
            lan.wire().map(drop)?;
            return Ok(lan);
        }
        Err("all of 198.18.0.0/16 is taken".to_owned())
    }

    /// Where heads and databases listen to be reached by cable.
    pub fn address(&self) -> Ipv4Addr {
        self.host(1)
    }

    fn host(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, host)
    }

    fn name(&self) -> String {
        format!("sensei{}", self.number)
    }

    /// A namespace with a cable.
    ///
    /// # Errors
    /// In words, if this machine does not let it.
    pub(super) fn wire(self: &Arc<Lan>) -> Result<Wire, String> {
        let free = |hosts: &BTreeSet<u8>| (2..255).find(|host| !hosts.contains(host));
        let mut hosts = self.hosts.lock().expect("no holder of this lock can panic");
        let host = free(&hosts).ok_or("the network is full")?;
        hosts.insert(host);
        drop(hosts);
        let wire = Wire { lan: self.clone(), host };
        let (name, address) = (wire.name(), self.host(host));
        self.guard.network(&name);
        ip(&format!("netns add {name}"))?;
        ip(&format!("link add {name} type veth peer name eth0 netns {name}"))?;
        ip(&format!("-n {name} address add {address}/24 dev eth0"))?;
        ip(&format!("-n {name} link set lo up"))?;
        ip(&format!("-n {name} link set eth0 up"))?;
        ip(&format!("link set {name} master {} up", self.name()))?;
        if let Some(rate) = self.megabits_per_second {
            tc(&format!("qdisc add dev {name} root tbf rate {rate}mbit burst 128kb latency 50ms"))?;
            tc(&format!("-n {name} qdisc add dev eth0 root tbf rate {rate}mbit burst 128kb latency 50ms"))?;
        }
        Ok(wire)
    }
}

impl Wire {
    /// Pulls the cable.
    ///
    /// # Panics
    /// If the machine does not let it any more.
    pub fn cut(&self) {
        ip(&format!("link set {} down", self.name())).unwrap_or_else(|why| panic!("{why}"));
    }

    /// Puts the cable in again.
    ///
    /// # Panics
    /// As [`Wire::cut`].
    pub fn heal(&self) {
        ip(&format!("link set {} up", self.name())).unwrap_or_else(|why| panic!("{why}"));
    }

    /// What a command is put behind to run in the namespace. It keeps its process id.
    pub(super) fn launcher(&self) -> [String; 2] {
        ["nsenter".to_owned(), format!("--net=/run/netns/{}", self.name())]
    }

    /// That of the namespace and of this machine's end of the cable: 13 characters at the most, where 15 may be.
    fn name(&self) -> String {
        format!("{}w{}", self.lan.name(), self.host)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // One that was made half has not all of this.
        let name = self.name();
        let _ = (ip(&format!("netns delete {name}")), ip(&format!("link delete {name}")));
        if let Ok(mut hosts) = self.lan.hosts.lock() {
            hosts.remove(&self.host);
        }
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    run(Command::new("ip").args(arguments.split(' ')))
}

fn tc(arguments: &str) -> Result<(), String> {
    run(Command::new("tc").args(arguments.split(' ')))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    output.status.success().then_some(()).ok_or_else(said)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::Deadline;

    #[test]
    fn a_cable_carries_until_it_is_pulled_and_nothing_of_it_stays() {
        let lan = match Lan::lay() {
            Ok(lan) => lan,
            Err(why) => return eprintln!("left out: {why}"),
        };
        let (wire, other) = (lan.wire().unwrap(), lan.wire().unwrap());
        let listener = TcpListener::bind((lan.address(), 0)).unwrap();
        let to = listener.local_addr().unwrap();
        let sends = |by: &Wire| {
            let say = format!("echo hello > /dev/tcp/{}/{}", to.ip(), to.port());
            let [nsenter, net] = by.launcher();
            run(Command::new(nsenter).arg(net).args(["timeout", "1", "bash", "-c", &say])).is_ok()
        };
        let heard = || {
            let mut text = String::new();
            listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
            text
        };
        assert!(sends(&wire) && heard() == "hello\n");
        wire.cut();
        assert!(!sends(&wire) && sends(&other) && heard() == "hello\n");
        wire.heal();
        // The first packets may ask in vain where the other end is.
        let again = Deadline::after(Duration::from_secs(20)).wait_for(|| sends(&wire).then_some(()));
        assert!(again.is_some() && heard() == "hello\n");
        let names = [lan.name(), wire.name(), other.name()];
        drop((wire, other, lan));
        for name in names {
            assert!(ip(&format!("link show {name}")).is_err(), "{name} stays");
        }
    }
}
