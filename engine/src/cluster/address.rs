//! Addresses of heads, as users write them: `https://a:7443,https://b:7443`, or `http://127.0.0.1:7443`.

use std::fmt;

use url::{Host, Url};

use crate::failure::{Failure, Result};

/// Heads of one cluster at most.
pub const HEADS_MAX: usize = 16;

const HINT: &str = "Give https://HOST:PORT for each head, separated by commas, and nothing behind the port.";

/// Where one head is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeadAddress {
    /// By TLS or in plain text.
    pub is_secure: bool,
    /// DNS name or IP address; no brackets around IPv6.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Where the heads of a cluster are: at least one, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadAddresses(Vec<HeadAddress>);

impl HeadAddress {
    /// Reads one address; `insecure` if plain text off loopback was asked for by name.
    ///
    /// # Errors
    /// `Usage`, saying what is wrong with it.
    pub fn parse(text: &str, insecure: bool) -> Result<HeadAddress> {
        let wrong = |why: &str| {
            // What stands before an @ may be a password.
            let shown = text.rsplit('@').next().unwrap_or_default().escape_default();
            Failure::usage(format!("\"{shown}\" is no address of a head: {why}"), HINT)
        };
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        let is_secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("it begins with neither https:// nor http://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it names a user; tokens are given apart"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("there is something behind the port"));
        }
        let (Some(host), Some(port @ 1..)) = (url.host(), url.port_or_known_default()) else {
            return Err(wrong("it has no host or no port"));
        };
        if !is_secure && !insecure && !is_loopback(&host) {
            return Err(Failure::usage(
                format!("without TLS, anybody between here and {text} could read and give orders"),
                "Use https:// with the cluster's certificates, or pass --insecure if the network is trusted.",
            ));
        }
        Ok(HeadAddress { is_secure, host: bare(&host), port })
    }

    /// `host:port`, with brackets around IPv6.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for HeadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}", if self.is_secure { "s" } else { "" }, self.authority())
    }
}

impl HeadAddresses {
    /// Reads addresses separated by commas; `insecure` as in [`HeadAddress::parse`].
    ///
    /// # Errors
    /// `Usage` if one is wrong or there twice, or there are none or more than [`HEADS_MAX`].
    pub fn parse(text: &str, insecure: bool) -> Result<HeadAddresses> {
        let mut addresses: Vec<HeadAddress> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let address = HeadAddress::parse(part, insecure)?;
            if addresses.contains(&address) {
                return Err(Failure::usage(format!("head {address} is given twice"), HINT));
            }
            if addresses.len() == HEADS_MAX {
                return Err(Failure::usage(format!("more than {HEADS_MAX} heads are given"), HINT));
            }
            addresses.push(address);
        }
        Ok(HeadAddresses(addresses))
    }

    /// In the order given.
    pub fn iter(&self) -> impl Iterator<Item = &HeadAddress> {
        self.0.iter()
    }

    /// The first.
    pub fn first(&self) -> &HeadAddress {
        &self.0[0]
    }

    /// Those to try when `address` does not answer, in turn; `address` itself comes last if it is one of them.
    pub fn after(&self, address: &HeadAddress) -> impl Iterator<Item = &HeadAddress> {
        let next = self.0.iter().position(|known| known == address).map_or(0, |index| index + 1);
        self.0.iter().cycle().skip(next).take(self.0.len())
    }
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.to_canonical().is_loopback(),
    }
}

fn bare(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
