#include "worker/server/pending_pool.hpp"

namespace pgw::server {

void pending_pool::add(entry& added, const source& from) {
    const auto [found, is_new] = groups_.try_emplace(from);
    auto& its = found->second;
    if (is_new) its.self = found;
    const auto before = its.size++;
    if (is_new || &shelf(before) != &shelf(its.size)) {
        if (!is_new) base::intrusive_list<group>::unlink(its);
        shelf(its.size).push_back(its);
    }
    its.entries.push_back(added);
    added.pool_ = this;
    added.group_ = &its;
    ++size_;
}

pending_pool::entry* pending_pool::least_worthy() noexcept {
    for (auto shelf = by_size_.rbegin(); shelf != by_size_.rend(); ++shelf) {
        if (!shelf->empty()) return &shelf->front().entries.front();
    }
    return nullptr;
}

void pending_pool::remove(entry& gone) noexcept {
    auto& its = *gone.group_;
    base::intrusive_list<entry>::unlink(gone);
    gone.pool_ = nullptr;
    gone.group_ = nullptr;
    --size_;
    const auto before = its.size--;
    if (its.size == 0) {
        base::intrusive_list<group>::unlink(its);
        groups_.erase(its.self);
    } else if (&shelf(before) != &shelf(its.size)) {
        base::intrusive_list<group>::unlink(its);
        shelf(its.size).push_back(its);
    }
}

}  // namespace pgw::server
