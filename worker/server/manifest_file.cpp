#include "worker/server/manifest_file.hpp"

#include <sys/stat.h>
#include <xxhash.h>

#include <fstream>
#include <iostream>

namespace pgw::server {
namespace {

constexpr std::size_t most = (std::size_t{1} << 20) + 1;

}  // namespace

bool read_manifest_file(const std::string& path, std::string& text) {
    const auto read = [&](std::istream& in) {
        text.resize(most);
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(in.gcount()));
        return !in.bad();
    };
    if (path == "-") return read(std::cin);
    std::ifstream in(path, std::ios::binary);
    return in && read(in) && (!text.empty() || in.eof());
}

std::string manifest_hash(std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    auto hash = XXH64(text.data(), text.size(), 0);
    std::string out(16, '0');
    for (auto place = out.rbegin(); place != out.rend(); ++place, hash >>= 4) {
        *place = digits[hash & 15];
    }
    return out;
}

file_identity identify(const std::string& path) noexcept {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return {};
    return {
        status.st_dev,
        status.st_ino,
        static_cast<std::uint64_t>(status.st_size),
        status.st_mtim.tv_sec,
        status.st_mtim.tv_nsec
    };
}

}  // namespace pgw::server
