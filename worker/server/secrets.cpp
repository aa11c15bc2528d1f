// Reading small files.
#include "worker/server/secrets.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace pgw::server {
namespace {

constexpr std::streamsize most = 64 << 10;

std::string text_of(int error) {
    return error == ENOENT || error == ENOTDIR ? "not found" : std::strerror(error);
}

}  // namespace

std::string secrets::problem(const std::string& name, const std::string& key) const {
    if (directory_.empty()) return "--secrets-dir is not given";
    return ::access(path(name, key).c_str(), R_OK) == 0 ? std::string() : text_of(errno);
}

secrets::content secrets::read(const std::string& name, const std::string& key) const {
    if (directory_.empty()) return {{}, "--secrets-dir is not given"};
    std::ifstream in(path(name, key), std::ios::binary);
    if (!in) return {{}, text_of(errno)};
    std::string text(static_cast<std::size_t>(most), '\0');
    in.read(text.data(), most);
    if (in.gcount() == most) return {{}, "larger than 64 kB"};
    if (in.bad()) return {{}, "cannot be read"};
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return {std::move(text), {}};
}

}  // namespace pgw::server
