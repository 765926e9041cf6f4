// Counts of durations, exact to 1.6 %, in a fixed amount of memory.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

class Histogram {
 public:
  void Add(std::uint64_t value) {
    ++counts_[IndexOf(value)];
    ++count_;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

  // The least value that is not exceeded by `share` of them; 0 if there are none.
  [[nodiscard]] double Quantile(double share) const {
    const double wanted = share * static_cast<double>(count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > 0 && static_cast<double>(seen) >= wanted) return ValueOf(i);
    }
    return 0;
  }

 private:
  // Each power of two from 64 on is divided into 64 ranges.
  static constexpr std::size_t kBits = 6;
  static constexpr std::size_t kRanges = std::size_t{1} << kBits;

  static std::size_t IndexOf(std::uint64_t value) {
    if (value < kRanges) return value;
    const std::size_t shift = std::bit_width(value) - kBits - 1;
    return shift * kRanges + (value >> shift);
  }
  static double ValueOf(std::size_t index) {
    if (index < 2 * kRanges) return static_cast<double>(index);
    const std::size_t shift = index / kRanges - 1;
    const auto low = static_cast<double>((kRanges + index % kRanges) << shift);
    return low + static_cast<double>((std::uint64_t{1} << shift) - 1) / 2;
  }

  std::array<std::uint32_t, (64 - kBits + 1) * kRanges> counts_{};
  std::uint64_t count_ = 0;
};
