// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The command line. Flags shared with datafusion-cli mean what they mean there.

mod size;

use std::path::PathBuf;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use datafusion_cli::object_storage::instrumented::InstrumentedObjectStoreMode;
use datafusion_cli::pool_type::PoolType;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::MaxRows;

/// A feature store in SQL: Apache DataFusion plans, Apache Iceberg stores, Feast's definitions name
/// things.
#[derive(Debug, Parser)]
#[command(name = "feast-sql", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// What to do instead of running SQL
    #[command(subcommand)]
    pub(crate) action: Option<Action>,

    /// Open a Feast feature repository: the directory with feature_store.yaml
    #[arg(long, value_name = "DIR", conflicts_with = "registry")]
    pub(crate) repo: Option<String>,

    /// Keep definitions in this file of Feast's registry format; without it they live as long as
    /// the session
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) registry: Option<String>,

    /// The Feast project whose definitions are used
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,

    /// Attach an Iceberg catalog: 'NAME=type=sql,uri=…,warehouse=…,KEY=VALUE'. Values may be quoted
    /// with "…"; ${VAR} is the environment's
    #[arg(long, value_name = "NAME=KEY=VALUE,…")]
    pub(crate) catalog: Vec<String>,

    /// Execute the given command string(s), then exit; -c and -f run in the order given
    #[arg(short = 'c', long, value_name = "SQL", num_args = 1.., value_parser = parse_command)]
    command: Vec<String>,

    /// Execute commands from file(s), then exit
    #[arg(short, long, num_args = 1..)]
    file: Vec<PathBuf>,

    /// Run the provided files on startup instead of ~/.datafusionrc
    #[arg(short = 'r', long, value_name = "FILE", num_args = 1.., conflicts_with = "file")]
    pub(crate) rc: Option<Vec<PathBuf>>,

    /// Path to your data, default to current directory
    #[arg(short = 'p', long, value_name = "DIR", value_parser = parse_data_dir)]
    pub(crate) data_path: Option<PathBuf>,

    /// The batch size of each query, or use DataFusion default
    #[arg(short = 'b', long, value_name = "N", value_parser = parse_batch_size)]
    pub(crate) batch_size: Option<usize>,

    /// The memory pool limitation (e.g. '10g'), default to None (no limit)
    #[arg(short = 'm', long, value_name = "SIZE", value_parser = size::parse_memory_limit)]
    pub(crate) memory_limit: Option<usize>,

    /// Available disk space for spilling queries (e.g. '10g'), default to DataFusion's '100g'
    #[arg(short = 'd', long, value_name = "SIZE", value_parser = size::parse_disk_limit)]
    pub(crate) disk_limit: Option<u64>,

    /// The memory pool's type: 'greedy' or 'fair'
    #[arg(long, value_name = "TYPE", default_value_t = PoolType::Greedy)]
    pub(crate) mem_pool_type: PoolType,

    /// How many of the top memory consumers an error about exhausted memory lists; 0 turns
    /// tracking off
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) top_memory_consumers: usize,

    /// How results are printed
    #[arg(long, value_enum, default_value_t = PrintFormat::Automatic)]
    pub(crate) format: PrintFormat,

    /// The max number of rows to display for 'Table' format (a number, or inf)
    #[arg(long, value_name = "N", default_value = "40")]
    pub(crate) maxrows: MaxRows,

    /// Enables console syntax highlighting
    #[arg(long)]
    pub(crate) color: bool,

    /// Reduce printing other than the results and work quietly
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Count the requests to object stores: disabled, summary or trace
    #[arg(long, value_name = "MODE", default_value_t = InstrumentedObjectStoreMode::Disabled)]
    pub(crate) object_store_profiling: InstrumentedObjectStoreMode,
}

/// What `feast-sql` can do besides running SQL.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Build a small warehouse in DIR and walk through it: definitions, a training set, the proof
    /// that the future did not leak
    Demo {
        /// A new or empty directory, or one that an earlier demo made
        #[arg(default_value = "feast-demo")]
        dir: PathBuf,
    },
}

/// One `-c` or `-f`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The SQL text of the given `-c`, counted from 1.
    Command { number: usize, text: String },
    /// The path of an `-f`.
    File(PathBuf),
}

/// The command line as understood.
#[derive(Debug)]
pub(crate) struct CommandLine {
    pub(crate) args: Args,
    /// `-c` and `-f` in the order given.
    pub(crate) inputs: Vec<Input>,
}

impl CommandLine {
    /// Reads the process's arguments. A malformed command line ends the process with clap's
    /// message and status 2.
    pub(crate) fn from_process() -> Self {
        Self::from_matches(&Args::command().get_matches()).unwrap_or_else(|error| error.exit())
    }

    fn from_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let args = Args::from_arg_matches(matches)?;
        let commands = (1..).zip(&args.command).map(|(number, text)| {
            let text = text.clone();
            Input::Command { number, text }
        });
        let files = args.file.iter().cloned().map(Input::File);
        let mut inputs: Vec<(usize, Input)> = indices(matches, "command").zip(commands).collect();
        inputs.extend(indices(matches, "file").zip(files));
        inputs.sort_by_key(|(index, _)| *index);
        let inputs = inputs.into_iter().map(|(_, input)| input).collect();
        Ok(Self { args, inputs })
    }
}

fn indices<'a>(matches: &'a ArgMatches, id: &str) -> impl Iterator<Item = usize> + use<'a> {
    matches.indices_of(id).into_iter().flatten()
}

fn parse_command(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("-c expects a command that is not empty".to_owned());
    }
    Ok(text.to_owned())
}

fn parse_data_dir(dir: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(dir);
    if path.is_dir() {
        Ok(path)
    } else {
        Err(format!("Invalid data directory '{dir}'"))
    }
}

fn parse_batch_size(size: &str) -> Result<usize, String> {
    match size.parse::<usize>() {
        Ok(size) if size > 0 => Ok(size),
        _ => Err(format!(
            "Invalid batch size '{size}', expected a whole number from 1"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<CommandLine, clap::Error> {
        let line = std::iter::once("feast-sql").chain(line.iter().copied());
        CommandLine::from_matches(&Args::command().try_get_matches_from(line)?)
    }

    fn command(number: usize, text: &str) -> Input {
        Input::Command {
            number,
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn commands_and_files_keep_their_order() {
        let line = parse(&[
            "-c", "a", "-f", "x.sql", "y.sql", "-q", "-c", "b", "-f", "z.sql",
        ]);
        assert_eq!(
            line.unwrap().inputs,
            [
                command(1, "a"),
                Input::File("x.sql".into()),
                Input::File("y.sql".into()),
                command(2, "b"),
                Input::File("z.sql".into()),
            ]
        );
        assert!(parse(&[]).unwrap().inputs.is_empty());
    }

    #[test]
    fn sizes_and_counts_are_checked() {
        let args = parse(&["-m", "512m", "-d", "2g", "-b", "100", "--maxrows", "inf"])
            .unwrap()
            .args;
        assert_eq!(args.memory_limit, Some(512 << 20));
        assert_eq!(args.disk_limit, Some(2 << 30));
        assert_eq!(args.batch_size, Some(100));
        assert_eq!(args.maxrows, MaxRows::Unlimited);
        for bad in [
            ["-b", "0"],
            ["-b", "x"],
            ["-m", "5q"],
            ["--format", "xml"],
            ["-c", ""],
        ] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn demo_takes_a_directory() {
        let Some(Action::Demo { dir }) = parse(&["demo"]).unwrap().args.action else {
            panic!("no demo");
        };
        assert_eq!(dir, PathBuf::from("feast-demo"));
        assert!(parse(&["-q", "demo"]).is_err());
    }
}
