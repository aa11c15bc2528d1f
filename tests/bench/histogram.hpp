// A latency histogram with buckets 1/64 apart: recording is one increment, quantiles are within 1.6
// %.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace pgw::bench {

class histogram {
public:
    void record(std::uint64_t value) noexcept {
        ++counts_[index_of(value)];
        ++total_;
    }

    std::uint64_t total() const noexcept { return total_; }

    /// The lower edge of the bucket that holds the quantile; 0 when nothing was recorded.
    std::uint64_t quantile(double fraction) const noexcept {
        const auto wanted = static_cast<std::uint64_t>(fraction * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > wanted) return value_of(i);
        }
        return 0;
    }

    void clear() noexcept {
        counts_.assign(counts_.size(), 0);
        total_ = 0;
    }

private:
    static constexpr int sub_bits = 6;

    static std::size_t index_of(std::uint64_t value) noexcept {
        if (value < (1u << sub_bits)) return static_cast<std::size_t>(value);
        const int exponent = static_cast<int>(std::bit_width(value)) - 1 - sub_bits;
        return (static_cast<std::size_t>(exponent) << sub_bits) +
               static_cast<std::size_t>(value >> exponent);
    }

    static std::uint64_t value_of(std::size_t index) noexcept {
        if (index < (1u << sub_bits)) return index;
        const auto exponent = (index >> sub_bits) - 1;
        return ((index & ((1u << sub_bits) - 1)) + (1u << sub_bits)) << exponent;
    }

    std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(64 << sub_bits);
    std::uint64_t total_ = 0;
};

}  // namespace pgw::bench
