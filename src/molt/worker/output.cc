#include "molt/worker/output.h"

#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <utility>

namespace molt::worker {

namespace {

// Small replies share a piece, a large one has its own.
constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
// The head of a large reply leaves with its payload.
constexpr std::size_t kPiecesAtOnce = 8;

}  // namespace

std::string& Output::Room(std::size_t size) {
  if (pieces_.empty() || (!pieces_.back().empty() && pieces_.back().size() + size > kPieceBytes)) {
    pieces_.emplace_back();
    if (size > kPieceBytes) pieces_.back().reserve(size);
  }
  appending_ = pieces_.back().size();
  return pieces_.back();
}

void Output::Appended() { unread_ += pieces_.back().size() - appending_; }

void Output::Add(std::string bytes) {
  unread_ += bytes.size();
  pieces_.push_back(std::move(bytes));
}

bool Output::Write(int fd, std::size_t& written) {
  while (unread_ > 0) {
    std::array<iovec, kPiecesAtOnce> parts;
    std::size_t count = 0;
    for (auto piece = pieces_.begin(); piece != pieces_.end() && count < parts.size(); ++piece) {
      const std::size_t begin = count == 0 ? begin_ : 0;
      parts[count++] = {piece->data() + begin, piece->size() - begin};
    }
    const ssize_t done = writev(fd, parts.data(), static_cast<int>(count));
    if (done < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN;
    }
    unread_ -= static_cast<std::size_t>(done);
    written += static_cast<std::size_t>(done);
    Drop(static_cast<std::size_t>(done));
  }
  return true;
}

void Output::Drop(std::size_t bytes) {
  begin_ += bytes;
  while (!pieces_.empty() && begin_ >= pieces_.front().size()) {
    begin_ -= pieces_.front().size();
    // The last one is kept for what comes, unless it is large.
    if (pieces_.size() == 1 && pieces_.front().capacity() <= kPieceBytes) {
      pieces_.front().clear();
      return;
    }
    pieces_.pop_front();
  }
}

}  // namespace molt::worker
