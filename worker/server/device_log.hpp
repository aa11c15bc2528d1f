// What a device's user looks for in the log, at a bounded rate: a device that reconnects for ever
// must not fill it.
#pragma once

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "worker/session/services.hpp"

#include <cstdint>
#include <string_view>

namespace pgw::server {

/// One a thread.
class device_log final : public session::notices {
public:
    explicit device_log(const base::logger& log) : log_(log) {}

    void on_system_topic(std::string_view client_id, std::string_view topic) override;
    void on_refused(std::string_view client_id, std::string_view why) override;
    /// Lines become available again.
    void on_tick(base::time_point now);

private:
    bool may_write();

    const base::logger& log_;
    base::time_point interval_began_{};
    std::uint32_t written_ = 0;
    std::uint32_t left_out_ = 0;
};

}  // namespace pgw::server
