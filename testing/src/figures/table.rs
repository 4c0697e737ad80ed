//! The table of figures, floors and goals.

use std::fmt;

use super::Series;

/// The goal of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// At most this many times its floor.
    Ratio(f64),
    /// Less than this, in nanoseconds.
    Below(f64),
    /// At most this much more than its floor, in nanoseconds.
    More(f64),
    /// A rate of at least this many times its floor's.
    Rate(f64),
    /// No goal: the figure is for comparison.
    Compare,
}

#[derive(Debug)]
struct Row {
    name: String,
    figure: f64,
    floor_name: &'static str,
    floor: f64,
    goal: Goal,
    show: fn(f64) -> String,
}

/// All rows measured so far.
#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// Adds the medians of a figure and its floor, if both were measured.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        figure: &Series,
        (floor_name, floor): (&'static str, &Series),
        goal: Goal,
    ) {
        self.add_quantile(name, 0.5, figure, (floor_name, floor), goal);
    }

    /// Adds another quantile of a figure and its floor, if both were measured.
    pub fn add_quantile(
        &mut self,
        name: impl Into<String>,
        part: f64,
        figure: &Series,
        (floor_name, floor): (&'static str, &Series),
        goal: Goal,
    ) {
        if let (Some(figure), Some(floor)) = (figure.quantile(part), floor.quantile(part)) {
            self.push(name, figure, (floor_name, floor), goal, time);
        }
    }

    /// Adds a counted figure and its floor, if both were counted.
    pub fn count(
        &mut self,
        name: impl Into<String>,
        figure: f64,
        (floor_name, floor): (&'static str, f64),
        goal: Goal,
    ) {
        if figure.is_finite() && floor.is_finite() {
            let show = |count| format!("{count:.1}");
            self.push(name, figure, (floor_name, floor), goal, show);
        }
    }

    fn push(
        &mut self,
        name: impl Into<String>,
        figure: f64,
        (floor_name, floor): (&'static str, f64),
        goal: Goal,
        show: fn(f64) -> String,
    ) {
        self.0.push(Row {
            name: name.into(),
            figure,
            floor_name,
            floor,
            goal,
            show,
        });
    }
}

impl Row {
    fn ratio(&self) -> f64 {
        match self.goal {
            Goal::Rate(_) => self.floor / self.figure,
            _ => self.figure / self.floor,
        }
    }

    fn more(&self) -> f64 {
        self.figure - self.floor
    }

    /// Compares the figure with its floor: as a difference where the goal is one, else as a ratio.
    fn compared(&self) -> String {
        match (self.goal, self.ratio()) {
            (Goal::More(_), _) if self.more() < 0.0 => format!("-{}", time(-self.more())),
            (Goal::More(_), _) => format!("+{}", time(self.more())),
            (_, ratio) if ratio.is_finite() => format!("{ratio:.2}"),
            _ => String::new(),
        }
    }

    fn goal(&self) -> (String, &'static str) {
        let (text, met) = match self.goal {
            Goal::Ratio(most) => (format!("≤ {most} ×"), self.ratio() <= most),
            Goal::Below(ns) => (format!("< {}", time(ns)), self.figure < ns),
            Goal::More(ns) => (format!("≤ +{}", time(ns)), self.more() <= ns),
            Goal::Rate(least) => (format!("≥ {least} × rate"), self.ratio() >= least),
            Goal::Compare => return (String::new(), ""),
        };
        (text, if met { "yes" } else { "NO" })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\n| figure | measured | floor | | ratio | goal | met |\n\
             |---|---:|---|---:|---:|---|---|"
        )?;
        for row in &self.0 {
            let (goal, met) = row.goal();
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {goal} | {met} |",
                row.name,
                (row.show)(row.figure),
                row.floor_name,
                (row.show)(row.floor),
                row.compared(),
            )?;
        }
        Ok(())
    }
}

/// Formats nanoseconds in a readable unit.
fn time(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{ns:.0} ns"),
        _ if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}
