#include "worker/server/manifest_file.hpp"

#include "common/base/digits.hpp"

#include <xxhash.h>

#include <iostream>

namespace pgw::server {
namespace {

constexpr std::size_t most = std::size_t{1} << 20;

}  // namespace

base::file_text read_manifest_file(const std::string& path) {
    return base::read_file(path, most);
}

base::file_text read_first_manifest(const std::string& path) {
    if (path != "-") return base::read_file_or_pipe(path, most);
    base::file_text text;
    text.content.resize(most + 1);
    std::cin.read(text.content.data(), static_cast<std::streamsize>(text.content.size()));
    text.content.resize(static_cast<std::size_t>(std::cin.gcount()));
    if (std::cin.bad()) {
        text.status = {.fault = base::file_fault::unreadable, .problem = "cannot be read"};
    } else if (text.content.size() > most) {
        text.status = {.fault = base::file_fault::too_large, .problem = "is larger than 1 MiB"};
    }
    return text;
}

std::string manifest_hash(std::string_view text) {
    std::string out;
    base::append_hex(out, std::uint64_t{XXH64(text.data(), text.size(), 0)});
    return out;
}

}  // namespace pgw::server
