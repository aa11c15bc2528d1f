#include "worker/server/connection_set.hpp"

#include <algorithm>
#include <utility>

namespace pgw::server {

connection& connection_set::add(
    connection_host& host, moving_connection moving, const source* from
) {
    if (from != nullptr) {
        if (auto* const surplus = pending_.surplus()) surplus->owner().give_way();
    }
    auto created = std::make_unique<connection>(host, std::move(moving));
    created->index = all_.size();
    all_.push_back(std::move(created));
    auto& added = *all_.back();
    if (from != nullptr) pending_.add(added.pending, *from);
    return added;
}

void connection_set::retire(connection& connection) noexcept {
    auto index = connection.index;
    if (index >= all_.size() || all_[index].get() != &connection) return;
    retired_.push_back(std::move(all_[index]));
    const auto fill = [this](std::size_t hole, std::size_t from) {
        if (hole == from) return;
        all_[hole] = std::move(all_[from]);
        all_[hole]->index = hole;
    };
    // The last of the told ones takes its place among them, the last of all takes that one's.
    if (index < told_) {
        fill(index, --told_);
        index = told_;
    }
    fill(index, all_.size() - 1);
    all_.pop_back();
}

std::size_t connection_set::bury() noexcept {
    const auto gone = std::count_if(retired_.begin(), retired_.end(), [](const auto& dead) {
        return !dead->moved_away();
    });
    retired_.clear();
    return std::size_t(gone);
}

bool connection_set::evict_pending() {
    auto* const evicted = pending_.least_worthy();
    if (evicted == nullptr) return false;
    evicted->owner().give_way();
    return true;
}

void connection_set::tell(std::size_t count) {
    for (; count > 0 && told_ < all_.size(); --count) {
        auto& next = *all_[told_++];
        next.drain();  // It may retire.
    }
}

void connection_set::close_all(session::close_cause cause) {
    // From the end: what a retiring connection moves into its place was visited.
    for (std::size_t i = all_.size(); i-- > 0;) {
        if (i < all_.size()) all_[i]->close(cause);
    }
}

void connection_set::clear() noexcept {
    told_ = 0;
    all_.clear();
    retired_.clear();
}

}  // namespace pgw::server
