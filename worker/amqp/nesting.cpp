// nesting_within of decoding.hpp: an iterative walk through nested values.
#include "worker/amqp/decoding.hpp"

#include <algorithm>
#include <array>

namespace pgw::amqp {

namespace {

constexpr std::size_t most_levels = 32;

class nesting_walk {
public:
    nesting_walk(base::bytes_view bytes, int deepest, std::size_t most_values) noexcept
        : bytes_(bytes),
          values_left_(most_values),
          deepest_(std::min(static_cast<std::size_t>(std::max(deepest, 0)), most_levels)) {}

    bool run() noexcept {
        do {
            if (!step()) return false;
        } while (depth_ > 0);
        return true;
    }

private:
    struct level {
        std::size_t end;      ///< Of the list or map; a descriptor has its surroundings'.
        int values_left = 0;  ///< Of a descriptor: itself and what it describes. Others: 0.
    };

    std::size_t left() const noexcept {
        return (depth_ > 0 ? open_[depth_ - 1].end : bytes_.size()) - at_;
    }
    bool number(std::size_t width, std::size_t& out) noexcept {
        if (left() < width) return false;
        out = 0;
        for (; width > 0; --width) out = out << 8 | std::to_integer<std::size_t>(bytes_[at_++]);
        return true;
    }
    bool enter(level next) noexcept {
        if (depth_ >= deepest_) return false;
        open_[depth_++] = next;
        return true;
    }
    // A value is whole, and with it perhaps those it stands in.
    void complete() noexcept {
        while (depth_ > 0) {
            auto& top = open_[depth_ - 1];
            const bool whole = top.values_left > 0 ? --top.values_left == 0 : at_ == top.end;
            if (!whole) return;
            --depth_;
        }
    }
    bool spend(std::size_t values) noexcept {
        if (values > values_left_) return false;
        values_left_ -= values;
        return true;
    }
    bool step() noexcept {
        std::size_t code = 0;
        if (!spend(1)) return false;
        if (!number(1, code)) return false;
        if (code == 0) return enter({at_ + left(), 2});
        const auto upper = code >> 4;
        std::size_t size = 0;
        switch (upper) {
            case 0x4:
                break;
            case 0x5:
            case 0x6:
            case 0x7:
            case 0x8:
            case 0x9:
                size = std::size_t{1} << (upper - 5);
                break;
            case 0xa:
            case 0xb:
                if (!number(upper == 0xa ? 1 : 4, size)) return false;
                break;
            case 0xc:
            case 0xd:
                return compound(upper == 0xc ? 1 : 4);
            case 0xe:
            case 0xf:
                return array(upper == 0xe ? 1 : 4);
            default:
                return false;
        }
        if (left() < size) return false;
        at_ += size;
        complete();
        return true;
    }
    bool compound(std::size_t width) noexcept {
        std::size_t size = 0;
        std::size_t count = 0;
        if (!number(width, size) || size < width || left() < size) return false;
        const auto end = at_ + size;
        number(width, count);
        if (at_ < end) return enter({end, 0});
        complete();
        return true;
    }
    bool array(std::size_t width) noexcept {
        std::size_t size = 0;
        std::size_t count = 0;
        std::size_t element = 0;
        if (!number(width, size) || size < width || left() < size) return false;
        const auto end = at_ + size;
        number(width, count);
        if (at_ < end && (!number(1, element) || element == 0 || element >= 0xc0)) return false;
        // Elements of no width cost no bytes, but each is a value to who decodes them.
        if (!spend(count)) return false;
        at_ = end;
        complete();
        return true;
    }

    base::bytes_view bytes_;
    std::size_t values_left_;
    std::size_t deepest_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    std::array<level, most_levels> open_{};
};

}  // namespace

bool nesting_within(base::bytes_view bytes, int deepest, std::size_t most_values) noexcept {
    return nesting_walk(bytes, deepest, most_values).run();
}

}  // namespace pgw::amqp
