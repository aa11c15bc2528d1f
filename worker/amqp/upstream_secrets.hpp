// What the connections of an upstream take from secrets, as it stands now.
#pragma once

#include <mutex>
#include <string>
#include <utility>

namespace pgw::amqp {

/// Written by whoever watches the files, read by every uplink at each connection attempt; safe from
/// any thread. A connection that stands is left alone when the values change.
class upstream_secrets {
public:
    struct values {
        std::string user_name;  ///< PLAIN.
        std::string password;   ///< PLAIN. Never logged.
        /// Not empty: what is needed is not there, in words. No connection is tried meanwhile.
        std::string problem;
    };

    void set(values now) {
        const std::lock_guard lock(mutex_);
        values_ = std::move(now);
    }
    values get() const {
        const std::lock_guard lock(mutex_);
        return values_;
    }

private:
    mutable std::mutex mutex_;
    values values_;
};

}  // namespace pgw::amqp
