//! The emulator: its command line, the guest's three ports, and every way in which a guest can
//! end.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::arch::Arch;
use super::not_started::NotStarted;
use crate::{interrupt, process, project};

/// Enough for a few dozen full-HD buffers besides the kernel and its initramfs.
const MEMORY_MIB: &str = "1024";
/// The ports of the guest, in the order in which they are opened.
const PORTS: [&str; 3] = ["status", "out", "err"];
/// Longest boot until the command starts: 3 to 10 s are usual, more on a busy machine.
const BOOT_LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks at the emulator.
const TICK: Duration = Duration::from_millis(20);

/// What one boot needs.
pub(crate) struct Boot<'a> {
    pub(crate) arch: Arch,
    pub(crate) kernel: &'a Path,
    pub(crate) initramfs: &'a Path,
    /// The host folder that the guest can write to.
    pub(crate) results: &'a Path,
    /// A folder for sockets and the kernel's messages.
    pub(crate) scratch: &'a Path,
    pub(crate) timeout: Duration,
}

impl Boot<'_> {
    /// Boots and waits for the end. Output goes to `out` and `err` as it comes.
    pub(crate) fn run(
        &self,
        out: &mut (dyn Write + Send),
        err: &mut (dyn Write + Send),
    ) -> Result<u8> {
        // Those of a boot before are not listened at any more.
        for port in PORTS {
            project::remove(&self.socket(port))?;
        }
        let listeners = PORTS.map(|port| UnixListener::bind(self.socket(port)));
        let mut emulator = Emulator(self.start()?);
        let mut ports = Vec::new();
        for listener in listeners {
            ports.push(self.accept(&listener.context("socket for the guest")?, &mut emulator)?);
        }
        let [status, guest_out, guest_err]: [UnixStream; 3] = ports
            .try_into()
            .map_err(|_| anyhow!("not one socket for each port"))?;

        let (sender, lines) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                for line in BufReader::new(status).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
            scope.spawn(|| forward(guest_out, out));
            scope.spawn(|| forward(guest_err, err));
            let result = self.watch(&mut emulator, &lines);
            // The ports end with it, and so do the threads.
            emulator.stop();
            result
        })
    }

    /// Waits for the guest's last word.
    fn watch(&self, emulator: &mut Emulator, lines: &mpsc::Receiver<String>) -> Result<u8> {
        let begin = Instant::now();
        let mut started = false;
        let mut code = None;
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => match line.split_once(' ').unwrap_or((&line, "")) {
                    ("started", _) => started = true,
                    ("exit", text) => {
                        code = Some(
                            text.parse()
                                .with_context(|| format!("exit status {text:?}"))?,
                        );
                    }
                    ("failed", what) => bail!("the guest failed {what}{}", self.messages()),
                    _ => bail!(
                        "the guest sent an unknown line, {line:?}{}",
                        self.messages()
                    ),
                },
                // Its last word is read before its end is looked at.
                Err(RecvTimeoutError::Disconnected) => {
                    interrupt::check()?;
                    emulator.end(Duration::from_secs(5));
                    if let Some(code) = code {
                        return Ok(code);
                    }
                    let messages = self.messages();
                    let error = anyhow!("it ended without the command's exit status{messages}");
                    return Err(if started {
                        error.context("the guest")
                    } else {
                        error.context(NotStarted)
                    });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            interrupt::check()?;
            let elapsed = begin.elapsed();
            if elapsed > self.timeout {
                bail!(
                    "the guest was stopped: {} in {} s{}",
                    if started {
                        "the command did not end"
                    } else {
                        "it did not boot"
                    },
                    self.timeout.as_secs(),
                    self.messages()
                );
            }
            if !started && elapsed > BOOT_LIMIT {
                let (limit, messages) = (BOOT_LIMIT.as_secs(), self.messages());
                let error = anyhow!("it was stopped: no boot in {limit} s{messages}");
                return Err(error.context(NotStarted));
            }
        }
    }

    fn start(&self) -> Result<Child> {
        let (program, machine) = self.arch.emulator();
        // With util-linux at hand the kernel ends the emulator when this
        // process is killed; without it only an orderly end does.
        let mut command = if process::find("setpriv").is_some() {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", program]);
            command
        } else {
            Command::new(program)
        };
        command.args(machine).args(self.options());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.scratch.join("emulator"))?)
            .spawn()
            .with_context(|| format!("cannot start {}", process::describe(&command)))
    }

    fn options(&self) -> Vec<String> {
        let console = self.arch.console();
        let append = format!(
            "console={console} quiet loglevel=4 panic=-1 mitigations=off nokaslr {}",
            self.arch.kernel_words()
        );
        let mut words: Vec<String> = [
            // Emulation everywhere, one host thread for each processor of the guest.
            "-accel",
            "tcg,thread=multi",
            "-smp",
            "2",
            "-m",
            MEMORY_MIB,
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-append",
            &append,
            "-device",
            "virtio-rng-pci",
            "-device",
            "virtio-serial-pci",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut pair = |name: &str, value: String| words.extend([name.to_owned(), value]);
        pair("-kernel", self.kernel.display().to_string());
        pair("-initrd", self.initramfs.display().to_string());
        pair(
            "-serial",
            format!("file:{}", escape(&self.scratch.join("console"))),
        );
        for port in PORTS {
            let socket = escape(&self.socket(port));
            pair(
                "-chardev",
                format!("socket,id={port},path={socket},server=off"),
            );
            pair(
                "-device",
                format!("virtserialport,chardev={port},name={port}"),
            );
        }
        let results = escape(self.results);
        pair(
            "-virtfs",
            format!("local,path={results},mount_tag=out,security_model=none,multidevs=remap"),
        );
        if self.arch == Arch::X86_64 {
            let share =
                "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap";
            pair("-virtfs", share.to_owned());
        }
        words
    }

    fn socket(&self, port: &str) -> std::path::PathBuf {
        self.scratch.join(port)
    }

    /// The emulator connects before the guest's first instruction.
    fn accept(&self, listener: &UnixListener, emulator: &mut Emulator) -> Result<UnixStream> {
        listener.set_nonblocking(true)?;
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("waiting for the emulator"),
            }
            if let Some(status) = emulator.0.try_wait()? {
                bail!("the emulator ended with {status}{}", self.messages());
            }
            thread::sleep(TICK);
        }
    }

    /// The end of what the emulator and the guest's kernel have said, for an error.
    fn messages(&self) -> String {
        let mut text = String::new();
        for (file, title) in [("emulator", "emulator"), ("console", "guest's console")] {
            let bytes = fs::read(self.scratch.join(file)).unwrap_or_default();
            let said = process::tail(String::from_utf8_lossy(&bytes).trim_end(), 60);
            if !said.is_empty() {
                text.push_str(&format!("\n--- {title}:\n{said}"));
            }
        }
        text
    }
}

/// The emulator's process, which never outlives this value.
struct Emulator(Child);

impl Emulator {
    /// Gives it a moment to end by itself.
    fn end(&mut self, grace: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < grace && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(TICK);
        }
    }

    fn stop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Copies until the port ends. A sink that fails (a closed pipe) is left alone, the
/// port is read on: the guest must not wait for it.
fn forward(mut port: UnixStream, sink: &mut (dyn Write + Send)) {
    let mut buffer = [0; 64 * 1024];
    let mut open = true;
    while let Ok(count @ 1..) = port.read(&mut buffer) {
        open = open
            && sink
                .write_all(&buffer[..count])
                .and_then(|()| sink.flush())
                .is_ok();
    }
}

/// A path in an option of the emulator, where a comma would end the value.
fn escape(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}
