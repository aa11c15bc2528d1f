// What passes between a session and the shell that owns the socket: one `turn` after each input.
#pragma once

#include "common/base/clock.hpp"

#include <cstddef>
#include <cstdint>

namespace pgw::session {

/// What the shell does with the socket next.
enum class next_step : std::uint8_t {
    read,    ///< Feed what is left over together with what comes.
    hold,    ///< Do not read. Keep what is left over, and feed it when a turn says read again.
    finish,  ///< Write the output, then close: the client is done, or gone.
    linger,  ///< Write the output, end our side, and give the client a moment to close first.
};

/// The answer to every input. It stands until the next one.
struct turn {
    std::size_t used = 0;     ///< Of the bytes given; what is over is to be given again.
    std::size_t missing = 0;  ///< Bytes that the packet left over still lacks; 0: not known.
    std::size_t kept = 0;     ///< Bytes that the session has charged to the budget.
    base::time_point deadline = base::time_point::max();  ///< When on_timer is due.
    next_step next = next_step::read;

    bool over() const noexcept { return next >= next_step::finish; }
};

/// The shell, as a session sees it. Called on the session's thread.
class transport {
public:
    /// Something happened outside of the shell's own inputs (an outcome came, another connection
    /// took this one over): call look() at the end of the loop turn.
    virtual void on_session_changed() = 0;
    /// The budget of the process is used up: close who holds most, but not this connection.
    /// Whether `bytes` can be charged now.
    virtual bool make_room(std::size_t bytes) = 0;

protected:
    ~transport() = default;
};

}  // namespace pgw::session
