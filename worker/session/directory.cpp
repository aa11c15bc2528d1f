#include "worker/session/directory.hpp"

#include "worker/session/thread_memory.hpp"

namespace pgw::session {

directory::directory() : impl_(std::make_unique<impl>()) {}
directory::~directory() = default;

client_session* directory::find(std::string_view client_id) const noexcept {
    const auto found = impl_->by_id.find(client_id);
    return found == impl_->by_id.end() ? nullptr : found->second;
}

std::size_t directory::size() const noexcept {
    return impl_->by_id.size();
}

void directory::for_each(const std::function<void(client_session&)>& visit) {
    // A copy: a session that is closed leaves the map.
    std::vector<client_session*> sessions;
    sessions.reserve(impl_->by_id.size());
    for (const auto& [id, session] : impl_->by_id) sessions.push_back(session);
    for (auto* session : sessions) visit(*session);
}

}  // namespace pgw::session
