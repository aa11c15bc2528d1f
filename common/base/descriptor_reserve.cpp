#include "common/base/descriptor_reserve.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace pgw::base {

descriptor_reserve::descriptor_reserve(std::size_t count) : count_(count) {
    held_.reserve(count);
    refill();
}

descriptor_reserve::~descriptor_reserve() {
    for (const int fd : held_) ::close(fd);
}

bool descriptor_reserve::give_up() {
    if (held_.empty()) return false;
    ::close(held_.back());
    held_.pop_back();
    return true;
}

void descriptor_reserve::refill() {
    while (held_.size() < count_) {
        // O_PATH: it names the root and can do nothing else.
        const int fd = ::open("/", O_PATH | O_CLOEXEC);
        if (fd < 0) return;
        held_.push_back(fd);
    }
}

}  // namespace pgw::base
