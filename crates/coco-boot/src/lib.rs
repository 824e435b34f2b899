//! What a boot is made of, and what its console tells. Starts nothing, and reads no clock.
//!
//! [`Machine`] is turned into QEMU's arguments, [`CommandLine`] into the words of one boot. What comes
//! back is the console, line by line with the time of its arrival: [`Timeline`] finds the phases of the
//! boot in it, [`Ending`] the reason why a guest is gone. The console is the guest's word; nothing here
//! trusts it further than to be shown.

mod command_line;
mod console;
mod ending;
mod machine;
mod timeline;

pub use command_line::{CommandLine, CommandLineError};
pub use console::{Line, Lines};
pub use ending::Ending;
pub use machine::{Accelerator, Disk, Machine, Sockets, Vsock};
pub use timeline::{Initrd, Timeline};
