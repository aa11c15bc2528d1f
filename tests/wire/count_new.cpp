// Preloaded into a worker: counts every operator new of the process and writes the count, on
// SIGUSR2, to the file named by PGW_COUNT_FILE, with the call stacks of the first ones since the
// last SIGUSR2.
#include <execinfo.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> count{0};
const char* path = nullptr;

struct stack {
    void* frames[24];
    int depth;
};
stack stacks[8];
std::atomic<unsigned> recorded{
    sizeof stacks / sizeof stacks[0]
};  // full: nothing until the first signal

void record() {
    count.fetch_add(1, std::memory_order_relaxed);
    if (recorded.load(std::memory_order_relaxed) >= sizeof stacks / sizeof stacks[0]) return;
    const auto at = recorded.fetch_add(1);
    if (at < sizeof stacks / sizeof stacks[0])
        stacks[at].depth = ::backtrace(stacks[at].frames, 24);
}

// Async-signal-safe: digits by hand, one write.
void report(int) {
    char digits[24];
    char* end = digits + sizeof digits;
    char* begin = end;
    *--begin = '\n';
    auto value = count.load();
    do {
        *--begin = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value > 0);
    const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) return;
    if (::write(fd, begin, static_cast<std::size_t>(end - begin)) < 0) ::_exit(9);
    for (auto& s : stacks) {
        if (s.depth == 0) continue;
        ::backtrace_symbols_fd(s.frames, s.depth, fd);
        if (::write(fd, "\n", 1) < 0) ::_exit(9);
        s.depth = 0;
    }
    ::close(fd);
    recorded.store(0);
}

struct starter {
    starter() {
        void* warm[1];
        ::backtrace(warm, 1);  // loads what it needs now, not in the middle of an allocation
        path = std::getenv("PGW_COUNT_FILE");
        if (path != nullptr) std::signal(SIGUSR2, report);
    }
} start;

void* allocate(std::size_t size) {
    record();
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

void* allocate(std::size_t size, std::align_val_t alignment) {
    record();
    const auto align = static_cast<std::size_t>(alignment);
    if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
    return allocate(size);
}
void* operator new[](std::size_t size) {
    return allocate(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return allocate(size, alignment);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
