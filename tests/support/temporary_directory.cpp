#include "tests/support/temporary_directory.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace pgw::test {

temporary_directory::temporary_directory() {
    auto pattern = (std::filesystem::temp_directory_path() / "pgw-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = pattern;
}

temporary_directory::~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

std::string temporary_directory::write(const std::string& name, const std::string& content) const {
    // A new file each time, as Kubernetes and editors do: the inode changes even within a clock
    // tick.
    const auto target = directory_ / name;
    const auto fresh = directory_ / (name + ".new");
    std::filesystem::create_directories(target.parent_path());
    std::ofstream(fresh, std::ios::binary) << content;
    std::filesystem::rename(fresh, target);
    return target.string();
}

}  // namespace pgw::test
