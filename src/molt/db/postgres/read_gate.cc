#include "molt/db/postgres/read_gate.h"

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "molt/db/postgres/read_gate_verdict.h"

namespace molt::db::postgres {

namespace {

constexpr std::size_t kKeptTextBytesMax = std::size_t{16} << 10;
constexpr std::size_t kKeptBytesMax = std::size_t{4} << 20;

// Verdicts by text, the least recently asked for going first.
class VerdictCache {
 public:
  explicit VerdictCache(std::size_t size) : size_(size) {}

  // Valid until the next Put.
  const Verdict* Find(std::string_view sql) {
    const auto found = by_text_.find(sql);
    if (found == by_text_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->verdict;
  }

  void Put(std::string_view sql, const Verdict& verdict) {
    if (size_ == 0 || sql.size() > kKeptTextBytesMax || by_text_.contains(sql)) return;
    entries_.push_front({std::string(sql), verdict});
    by_text_.emplace(entries_.front().sql, entries_.begin());
    bytes_ += sql.size();
    while (entries_.size() > size_ || bytes_ > kKeptBytesMax) {
      const Entry& last = entries_.back();
      bytes_ -= last.sql.size();
      by_text_.erase(last.sql);
      entries_.pop_back();
    }
  }

 private:
  struct Entry {
    std::string sql;
    Verdict verdict;
  };
  std::size_t size_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text_;  // keys: the entries'
};

}  // namespace

class ReadGate::Impl {
 public:
  explicit Impl(std::size_t cache_size) : cache_(cache_size) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // Ends the thread. Jobs are done by then: their callers have been using the gate.
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    has_work_.notify_one();
    if (thread_started_) pthread_join(thread_, nullptr);
  }

  // Whether this is the child of a process in which the thread runs. There, joining it or
  // destroying what it waits for would never end.
  [[nodiscard]] bool IsForked() const { return thread_started_ && getpid() != owner_; }

  Status Check(std::string_view sql, Status Verdict::* which) {
    std::unique_lock lock(mutex_);
    if (const Verdict* kept = cache_.Find(sql); kept != nullptr) return kept->*which;
    lock.unlock();
    MOLT_RETURN_IF_ERROR(CheckText(sql));
    Job job{std::string(sql), {}};
    lock.lock();
    MOLT_RETURN_IF_ERROR(StartThread());
    jobs_.push_back(&job);
    has_work_.notify_one();
    is_done_.wait(lock, [&] { return job.is_done; });
    cache_.Put(sql, job.verdict);
    return job.verdict.*which;
  }

 private:
  struct Job {
    std::string sql;
    Verdict verdict;
    bool is_done = false;
  };

  Status StartThread() {
    if (thread_started_) return {};
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return Internal("cannot describe a thread");
    pthread_attr_setstacksize(&attributes, kJudgeStack);
    const int error = pthread_create(
        &thread_, &attributes,
        [](void* self) -> void* {
          static_cast<Impl*>(self)->Run();
          return nullptr;
        },
        this);
    pthread_attr_destroy(&attributes);
    if (error != 0) return Busy("cannot start the thread that checks statements");
    thread_started_ = true;
    owner_ = getpid();
    return {};
  }

  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      has_work_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      Job& job = *jobs_.front();
      jobs_.pop_front();
      lock.unlock();
      job.verdict = Judge(job.sql);
      lock.lock();
      job.is_done = true;
      is_done_.notify_all();
    }
  }

  std::mutex mutex_;  // of all that follows
  std::condition_variable has_work_;
  std::condition_variable is_done_;
  VerdictCache cache_;
  std::deque<Job*> jobs_;  // each owned by the caller that waits for it
  bool stopping_ = false;
  bool thread_started_ = false;
  pthread_t thread_{};
  pid_t owner_ = 0;
};

ReadGate::ReadGate(std::size_t cache_size) : impl_(std::make_unique<Impl>(cache_size)) {}

ReadGate::~ReadGate() {
  if (impl_->IsForked()) static_cast<void>(impl_.release());
}

Status ReadGate::CheckRead(std::string_view sql) { return impl_->Check(sql, &Verdict::read); }

Status ReadGate::CheckWrite(std::string_view sql) { return impl_->Check(sql, &Verdict::write); }

}  // namespace molt::db::postgres
