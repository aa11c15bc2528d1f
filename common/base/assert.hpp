// Assertions of the product's own invariants: they stay in debug and sanitizer builds, where the
// tests run, and cost nothing in a release.
#pragma once

#include <cstdio>
#include <cstdlib>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PGW_ASSERTIONS 1
#endif
#endif
#if !defined(PGW_ASSERTIONS) && (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
                                 (!defined(NDEBUG) && !defined(__OPTIMIZE__)))
#define PGW_ASSERTIONS 1
#endif

namespace pgw::base {

[[noreturn]] inline void assertion_failed(const char* what, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    std::abort();
}

}  // namespace pgw::base

/// For what can only be false through a mistake in this program; what a peer, a file or a user can
/// bring about is checked and answered instead. The condition has no effects.
#if defined(PGW_ASSERTIONS)
#define PGW_ASSERT(condition) \
    ((condition) ? void() : ::pgw::base::assertion_failed(#condition, __FILE__, __LINE__))
#else
#define PGW_ASSERT(condition) void(sizeof((condition) ? 1 : 0))
#endif
