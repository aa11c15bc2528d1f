#include "worker/server/listener_set.hpp"

#include "worker/server/listening_socket.hpp"

#include <stdexcept>

namespace pgw::server {
namespace {

bool servable(const shared_listener& listener) {
    return !listener.tls || listener.tls->loaded();
}

}  // namespace

listener_set::listener_set(fleet& fleet, const binding& binding, base::logger log)
    : fleet_(fleet), binding_(binding), log_(std::move(log)) {}

void listener_set::add(const manifest::listener& listener, std::shared_ptr<net::tls_context> tls) {
    auto& shared = fleet_.listeners.emplace_back();
    shared.name = listener.name;
    shared.tls = std::move(tls);
    shared.address = binding_.address(listener.address);
    shared.port = binding_.port(listener.port);
}

void listener_set::open() {
    for (auto& listener : fleet_.listeners) {
        if (!listener.listening && servable(listener)) open(listener);
    }
}

void listener_set::open(shared_listener& listener) {
    const auto sockets = listen_all(listener.address, listener.port, fleet_.threads.size());
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        fleet_.threads[i]->listen(listener, sockets[i]);
    }
    listener.listening = true;
    log_.info(
        "listening",
        {{"listener", listener.name},
         {"address", listener.address},
         {"port", listener.port},
         {"tls", listener.tls != nullptr},
         {"threads", fleet_.threads.size()}}
    );
}

void listener_set::open_late() {
    try {
        open();
        complaint_.clear();
    } catch (const std::runtime_error& error) {
        if (complaint_ == error.what()) return;
        complaint_ = error.what();
        log_.error("listener not opened", {{"error", complaint_}});
    }
}

const shared_listener* listener_set::closed() const {
    for (const auto& listener : fleet_.listeners) {
        if (!listener.listening) return &listener;
    }
    return nullptr;
}

}  // namespace pgw::server
