// A wheel timer that calls a member function of its owner. Internal.
#pragma once

#include "common/base/timing_wheel.hpp"

namespace pgw::amqp {

template <class Owner, void (Owner::*Method)(base::time_point)>
class member_timer final : public base::wheel_timer {
public:
    explicit member_timer(Owner& owner) noexcept : owner_(owner) {}
    void on_timer(base::time_point now) override { (owner_.*Method)(now); }

private:
    Owner& owner_;
};

}  // namespace pgw::amqp
