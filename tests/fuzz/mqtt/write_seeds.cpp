// Writes the seeds of the corpora: one file for each sample packet, and conversations made of them.
// usage: mqtt_write_seeds DECODE_DIR SESSION_DIR
#include "tests/unit/mqtt/samples.hpp"
#include "worker/mqtt/encode.hpp"

#include <fstream>
#include <string>

namespace {

void write(const std::string& path, const std::vector<std::byte>& bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

}  // namespace

int main(int argc, char** argv) {
    using namespace pgw::mqtt;
    if (argc != 3) return 1;
    for (const auto& sample : samples::all()) {
        const auto bytes = samples::bytes_of(sample);
        write(argv[1] + ("/" + sample.name), bytes);
        if (sample.packet.index() == 0) continue;
        connect first{.version = sample.version, .keep_alive = 60, .client_id = "c"};
        first.will = will{.topic = "w", .payload = {}};
        std::vector<std::byte> conversation{std::byte{1}, std::byte{bytes.back()}};
        encode(first, sample.version, conversation);
        for (int i = 0; i < 3; ++i) {
            conversation.insert(conversation.end(), bytes.begin(), bytes.end());
        }
        write(argv[2] + ("/" + sample.name), conversation);
    }
}
