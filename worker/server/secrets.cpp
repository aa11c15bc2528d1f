// Reading small files, with errors that say which field wanted them.
#include "worker/server/secrets.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace pgw::server {
namespace {

constexpr std::streamsize most = 64 << 10;

}  // namespace

std::string secrets::path(const std::string& name, const std::string& key, const std::string& field)
    const {
    if (directory_.empty()) {
        throw secret_error(
            field + " refers to the secret '" + name + "', but --secrets-dir is not given"
        );
    }
    return directory_ + "/" + name + "/" + key;
}

std::string secrets::read(const std::string& name, const std::string& key, const std::string& field)
    const {
    const auto file = path(name, key, field);
    std::ifstream in(file, std::ios::binary);
    if (!in) throw secret_error(field + ": cannot read " + file + ": " + std::strerror(errno));
    std::string text(static_cast<std::size_t>(most), '\0');
    in.read(text.data(), most);
    if (in.gcount() == most) throw secret_error(field + ": " + file + " is larger than 64 kB");
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

}  // namespace pgw::server
