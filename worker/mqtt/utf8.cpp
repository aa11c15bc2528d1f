// The UTF-8 check: words while it is ASCII, code points where it is not.
#include "worker/mqtt/utf8.hpp"

namespace pgw::mqtt {

bool valid_utf8(std::string_view text) noexcept {
    const char* p = text.data();
    const char* const end = p + text.size();
    while (p != end) {
        if (end - p >= 8) {
            const std::uint64_t word = swar::load(p);
            // Exact for ASCII: a borrow reaches a high bit only above a zero byte.
            if ((((word - swar::ones) | word) & swar::highs) == 0) {
                p += 8;
                continue;
            }
        }
        const unsigned length = code_point(p, end);
        if (length == 0) return false;
        p += length;
    }
    return true;
}

}  // namespace pgw::mqtt
