#include "common/base/core_dumps.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace pgw::base {

void forbid_core_dumps() noexcept {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    // The limit does not hold where the kernel pipes cores into a program.
    ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace pgw::base
