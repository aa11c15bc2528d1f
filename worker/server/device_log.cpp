#include "worker/server/device_log.hpp"

namespace pgw::server {
namespace {

constexpr base::seconds interval{10};
constexpr std::uint32_t lines_per_interval = 20;
/// Topics and texts may be long; whoever looks recognises them by their beginning.
constexpr std::size_t most_text = 128;

}  // namespace

bool device_log::may_write() {
    if (written_ < lines_per_interval) {
        ++written_;
        return true;
    }
    ++left_out_;
    return false;
}

void device_log::on_system_topic(std::string_view client_id, std::string_view topic) {
    if (!may_write()) return;
    log_.info(
        "publications to $SYS/ are acknowledged and dropped",
        {{"client", client_id.substr(0, most_text)}, {"topic", topic.substr(0, most_text)}}
    );
}

void device_log::on_refused(std::string_view client_id, std::string_view why) {
    if (!may_write()) return;
    log_.info(
        "device disconnected: its publication was refused, which MQTT 3.1.1 cannot answer",
        {{"client", client_id.substr(0, most_text)}, {"error", why.substr(0, most_text)}}
    );
}

void device_log::on_tick(base::time_point now) {
    if (now - interval_began_ < interval) return;
    interval_began_ = now;
    written_ = 0;
    if (left_out_ == 0) return;
    log_.info("lines about devices were left out", {{"lines", left_out_}});
    left_out_ = 0;
}

}  // namespace pgw::server
