#include "molt/wire/frame.h"

#include <algorithm>
#include <cstring>

namespace molt::wire {

namespace {

constexpr std::size_t kFirstRead = std::size_t{4} << 10;
constexpr std::size_t kSmallRead = std::size_t{64} << 10;
constexpr std::size_t kLargeRead = std::size_t{1} << 20;

}  // namespace

void SetFrameLength(std::string& out, std::size_t at, std::size_t more) {
  const std::size_t length = out.size() - at - kFrameHeaderBytes + more;
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) {
    out[at + i] = static_cast<char>(length >> (8 * i) & 0xFF);
  }
}

FrameReader::FrameReader(std::size_t kept_bytes)
    : kept_bytes_(kept_bytes), small_read_(kFirstRead) {}

std::optional<std::size_t> FrameReader::Promised() const {
  if (end_ - begin_ < kFrameHeaderBytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) {
    length |= std::size_t{static_cast<unsigned char>(buffer_[begin_ + i])} << (8 * i);
  }
  return length;
}

char* FrameReader::Reserve(std::size_t size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ + size > buffer_.size()) {
    // What was given out makes room first.
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ + size > buffer_.size()) buffer_.resize(std::max(end_ + size, 2 * buffer_.size()));
    // After a large frame its memory is not kept.
    if (end_ + size <= kSmallRead && buffer_.size() > kept_bytes_) {
      buffer_.resize(kSmallRead);
      buffer_.shrink_to_fit();
    }
  }
  reserved_ = size;
  return buffer_.data() + end_;
}

void FrameReader::Commit(std::size_t size) {
  end_ += size;
  if (size == reserved_) small_read_ = std::min(2 * small_read_, kSmallRead);
}

std::size_t FrameReader::SuggestedRead() const {
  const auto promised = Promised();
  if (!promised) return small_read_;
  const std::size_t missing = *promised + kFrameHeaderBytes - std::min(end_ - begin_, *promised);
  return std::clamp(missing, small_read_, kLargeRead);
}

Result<std::optional<std::string_view>> FrameReader::Next() {
  const auto length = Promised();
  if (!length) return std::nullopt;
  if (*length > kFrameBytesMax) {
    return InvalidQuery("a frame of " + std::to_string(*length) +
                        " bytes; at most 67108864 are allowed");
  }
  if (end_ - begin_ - kFrameHeaderBytes < *length) return std::nullopt;
  const std::string_view body(buffer_.data() + begin_ + kFrameHeaderBytes, *length);
  begin_ += kFrameHeaderBytes + *length;
  return body;
}

}  // namespace molt::wire
