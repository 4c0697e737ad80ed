//! A client that follows commands in text, so that it can run in a thread of the test or in a
//! separate process.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use videostream::hal::time::deadline_in;
use videostream::{Client, Error, Frame, Mode};

use super::process::WATCHDOG;

/// A client, once connected, and the frames that it keeps.
#[derive(Default)]
pub(crate) struct Actor {
    client: Option<Client>,
    frames: BTreeMap<u64, Frame>,
}

impl Actor {
    /// Does what a line says and gives the answer, an error's name included.
    pub(crate) fn obey(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        match self.act(&words) {
            Ok(answer) => answer,
            Err(error) => match error.share() {
                Some(why) => format!("{why:?}"),
                None => error.to_string(),
            },
        }
    }

    fn act(&mut self, words: &[&str]) -> Result<String, Error> {
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            // NAME MODE HOLD, and whether to reconnect.
            "connect" => {
                let mode = match words[2] {
                    "every" => Mode::Every,
                    _ => Mode::Newest,
                };
                let builder = Client::builder(words[1]).mode(mode).hold(number(3) as u32);
                let builder = builder.reconnect(words.len() > 4).connect_timeout(WATCHDOG);
                self.client = Some(builder.connect()?);
                Ok("connected".to_owned())
            }
            "leave" => {
                self.frames.clear();
                self.client = None;
                Ok("left".to_owned())
            }
            "next" => {
                let frame = self.client().next(Duration::from_millis(number(1)))?;
                Ok(self.keep(frame))
            }
            "after" => {
                let deadline = deadline_in(WATCHDOG.as_nanos() as u64);
                let mut reader = self.client().reader();
                let frame = reader.next_after(number(1), deadline)?;
                Ok(self.keep(frame))
            }
            "try" => match self.client().try_next()? {
                Some(frame) => Ok(self.keep(frame)),
                None => Ok("none".to_owned()),
            },
            "seek" => {
                self.client().seek(number(1));
                Ok("sought".to_owned())
            }
            "drop" => {
                self.frames.remove(&number(1)).expect("it is kept");
                Ok("dropped".to_owned())
            }
            "intact" => Ok(self.frames[&number(1)].is_intact().to_string()),
            "describe" => {
                let frame = &self.frames[&number(1)];
                let d = frame.descriptor();
                let pixels = frame.pixels()?;
                let firsts: Vec<_> = (0..d.planes().len())
                    .map(|at| pixels.plane(at)[0])
                    .collect();
                let (app, last) = (d.app[0], d.app[63]);
                Ok(format!(
                    "modifier {} fence {} app {app} {last} planes {firsts:?}",
                    d.modifier, d.fence
                ))
            }
            "held" => Ok(self.client().ipc().held().to_string()),
            "restarts" => Ok(self.client().restarts().to_string()),
            "parameters" => {
                let sets = self.client().parameters()?;
                Ok(sets.map_or("none".to_owned(), |s| String::from_utf8_lossy(&s).into()))
            }
            "look" => {
                let report = self.client().look(WATCHDOG)?;
                let mut all: Vec<_> = (report.clients.iter())
                    .map(|c| (c.hold, c.held, c.last_serial))
                    .collect();
                all.sort_unstable();
                Ok(format!("head {} of {all:?}", report.host.head))
            }
            // Waits in three threads, and cancels them some milliseconds later.
            "cancel" => {
                let client = self.client();
                let waiting: Vec<_> = (0..3)
                    .map(|_| {
                        let mut reader = client.reader();
                        thread::spawn(move || reader.next_until(u64::MAX).map(drop).unwrap_err())
                    })
                    .collect();
                thread::sleep(Duration::from_millis(number(1)));
                client.reader().cancel();
                let errors = waiting.into_iter().map(|thread| thread.join().unwrap());
                let all = errors.map(|e| format!("{:?}", e.share().unwrap()));
                let all: Vec<_> = all.collect();
                client.ipc().resume();
                Ok(all.join(" "))
            }
            // Two threads that take two frames each; this one checks and drops them.
            "threads" => {
                let client = self.client();
                let readers: Vec<_> = (0..2)
                    .map(|_| {
                        let mut reader = client.reader();
                        thread::spawn(move || [(); 2].map(|()| reader.next(WATCHDOG).unwrap()))
                    })
                    .collect();
                let taken = readers.into_iter().map(|r| r.join().unwrap());
                let taken: Vec<[Frame; 2]> = taken.collect();
                assert!(taken.iter().flatten().all(Frame::is_intact));
                let serials = taken.iter().map(|two| two.each_ref().map(Frame::serial));
                let serials: Vec<_> = serials.collect();
                let held = client.ipc().held();
                drop(taken);
                Ok(format!(
                    "{serials:?} held {held}, then {}",
                    client.ipc().held()
                ))
            }
            other => panic!("what is {other:?}?"),
        }
    }

    fn client(&mut self) -> &mut Client {
        self.client.as_mut().expect("connected")
    }

    /// Serial, frames missed, first byte, and whether it is the first of another host.
    fn keep(&mut self, frame: Frame) -> String {
        let byte = frame.pixels().unwrap().plane(0)[0];
        let restarted = if frame.is_after_restart() {
            " restarted"
        } else {
            ""
        };
        let serial = frame.serial();
        let answer = format!("{serial} missed {} byte {byte}{restarted}", frame.missed());
        self.frames.insert(serial, frame);
        answer
    }
}
