//! The `gannet` program: hands the command line to [`gannet::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    gannet::cli::main(std::env::args_os())
}
