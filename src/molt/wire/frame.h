// Frames: a length of four bytes, little-endian, and as many bytes
// (docs/spec/0915_MOLT_DB_IPC_CONTRACT.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "molt/base/status.h"

namespace molt::wire {

inline constexpr std::size_t kFrameHeaderBytes = 4;
inline constexpr std::size_t kFrameBytesMax = std::size_t{64} << 20;

// Writes to `at` the length of what follows `at` + 4: up to the end of `out`, and `more` bytes that
// are to be sent after it.
void SetFrameLength(std::string& out, std::size_t at, std::size_t more = 0);

// Finds the frames in bytes that come in any splitting. Never holds more than has come, whatever a
// length promises.
class FrameReader {
 public:
  // After a frame that needed more memory than `kept_bytes` it is given back.
  explicit FrameReader(std::size_t kept_bytes = kKeptBytes);
  static constexpr std::size_t kKeptBytes = std::size_t{1} << 20;

  // Room for `size` more bytes; Commit() says how many of them were filled.
  char* Reserve(std::size_t size);
  void Commit(std::size_t size);
  // How many bytes are worth reading at once: the rest of a large frame, or as many small ones as
  // have come at once before, so that who sends little is kept little room for.
  [[nodiscard]] std::size_t SuggestedRead() const;

  // The next frame's bytes, valid until Reserve(); nothing if it is not yet complete. InvalidQuery
  // if it promises to be longer than kFrameBytesMax: no frame can be found after it.
  Result<std::optional<std::string_view>> Next();
  // Whether the bytes end within a frame.
  [[nodiscard]] bool IsInFrame() const { return begin_ != end_; }

 private:
  [[nodiscard]] std::optional<std::size_t> Promised() const;

  const std::size_t kept_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of the bytes not yet given out
  std::size_t end_ = 0;    // of the bytes that have come
  std::size_t reserved_ = 0;
  std::size_t small_read_;
};

}  // namespace molt::wire
