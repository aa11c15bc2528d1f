// The connected clients of one thread by client id.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace pgw::session {

class client_session;

/// Sessions enter and leave by themselves.
class directory {
public:
    directory();
    ~directory();
    client_session* find(std::string_view client_id) const noexcept;
    std::size_t size() const noexcept;
    /// `visit` may close the session it is given.
    void for_each(const std::function<void(client_session&)>& visit);

private:
    friend class client_session;
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::session
