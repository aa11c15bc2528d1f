// Whether a crash leaves the process's memory on a disk.
#pragma once

namespace pgw::base {

/// No core file of this process, and none by a collector such as systemd-coredump: its memory holds
/// private keys, passwords and what devices sent. A debugger of the same user cannot attach either.
/// Does nothing where the system refuses it.
void forbid_core_dumps() noexcept;

}  // namespace pgw::base
