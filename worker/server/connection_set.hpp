// The device connections of one thread: owns them, in which order they are told of a drain, who of
// them has proved nothing, who holds most.
#pragma once

#include "worker/server/connection.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace pgw::server {

class connection_set {
public:
    /// `pending`: connections without a whole CONNECT at a time.
    explicit connection_set(std::size_t pending) : pending_(pending) {}

    /// A new connection; `from` is null for one that another thread has greeted. If there are too
    /// many that have proved nothing, the least worthy of them is closed.
    connection& add(connection_host& host, moving_connection moving, const source* from);
    /// Takes it out. It may be on the stack, so that it lives until bury().
    void retire(connection& connection) noexcept;
    /// Destroys what was retired and returns how many have left the worker: a connection that moved
    /// lives on elsewhere.
    std::size_t bury() noexcept;
    bool has_retired() const noexcept { return !retired_.empty(); }

    /// Closes the connection that has proved least; false: every one has sent a CONNECT.
    bool evict_pending();
    /// Tells up to `count` connections more that the worker drains.
    void tell(std::size_t count);
    void close_all(session::close_cause cause);
    void clear() noexcept;

    std::size_t size() const noexcept { return all_.size(); }
    std::size_t untold() const noexcept { return all_.size() - told_; }
    budget_holders<connection>& holders() noexcept { return holders_; }

private:
    pending_pool pending_;
    budget_holders<connection> holders_;
    std::vector<std::unique_ptr<connection>> all_;  ///< The first `told_` have been told.
    std::size_t told_ = 0;
    std::vector<std::unique_ptr<connection>> retired_;
};

}  // namespace pgw::server
