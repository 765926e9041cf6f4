// Replies on their way to a client.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

namespace molt::worker {

// Bytes in pieces, so that a long queue is neither moved when it grows nor kept when it shrinks.
class Output {
 public:
  // Where about `size` bytes are to be appended; Appended() must follow.
  [[nodiscard]] std::string& Room(std::size_t size);
  void Appended();
  // Appends bytes without copying them; for large ones.
  void Add(std::string bytes);

  [[nodiscard]] std::size_t unread() const { return unread_; }
  // Writes as much as can be without blocking; how much that was. False if the other side is gone.
  [[nodiscard]] bool Write(int fd, std::size_t& written);

 private:
  // What was written.
  void Drop(std::size_t bytes);

  std::deque<std::string> pieces_;
  std::size_t begin_ = 0;      // of what is not yet written, in the first piece
  std::size_t appending_ = 0;  // the last piece's size before
  std::size_t unread_ = 0;
};

}  // namespace molt::worker
