// A growing block of bytes that ends up as an Arrow buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "molt/types/copy_short.h"

namespace molt::types {

// Not std::vector: large blocks grow by realloc, which moves pages instead of copying them, and
// growing leaves new bytes uninitialized.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::uint8_t* data() { return data_; }

  template <class T>
  [[nodiscard]] const T* As() const {
    return reinterpret_cast<const T*>(data_);
  }
  template <class T>
  [[nodiscard]] T* As() {
    return reinterpret_cast<T*>(data_);
  }

  void Reserve(std::size_t capacity) {
    if (capacity > capacity_) Grow(capacity);
  }
  // New bytes are uninitialized.
  void Resize(std::size_t size) {
    Reserve(size);
    size_ = size;
  }
  void Append(const void* bytes, std::size_t count) {
    if (count == 0) return;
    if (size_ + count > capacity_) Grow(size_ + count);
    CopyShort(data_ + size_, bytes, count);
    size_ += count;
  }
  template <class T>
  void Append(T value) {
    if (size_ + sizeof(T) > capacity_) Grow(size_ + sizeof(T));
    std::memcpy(data_ + size_, &value, sizeof(T));
    size_ += sizeof(T);
  }

 private:
  void Grow(std::size_t needed) {
    const std::size_t capacity = std::max({needed, capacity_ * 2, std::size_t{64}});
    void* data = std::realloc(data_, capacity);
    if (data == nullptr) throw std::bad_alloc();
    data_ = static_cast<std::uint8_t*>(data);
    capacity_ = capacity;
  }

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace molt::types
