// In a child process, since there is no way back.
#include "common/base/core_dumps.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

namespace pgw::base {
namespace {

[[noreturn]] void forbid_and_tell() {
    forbid_core_dumps();
    rlimit limit{1, 1};
    ::getrlimit(RLIMIT_CORE, &limit);
    std::_Exit(limit.rlim_cur == 0 && limit.rlim_max == 0 ? ::prctl(PR_GET_DUMPABLE) : 9);
}

TEST(core_dumps_DeathTest, are_forbidden_by_limit_and_by_flag) {
    EXPECT_EXIT(forbid_and_tell(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace pgw::base
