#include "molt/base/trial_time.h"

#include <sys/resource.h>

namespace molt {

TrialTime TrialTime::Of(std::chrono::microseconds time) {
  TrialTime trial;
  trial.time_ = time;
  trial.begin_ = Now();
  trial.end_ = Deadline::After(time);
  return trial;
}

TrialTime::Usage TrialTime::Now() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto micros = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return {micros(usage.ru_utime) + micros(usage.ru_stime), usage.ru_nvcsw};
}

bool TrialTime::IsUsedUp() const {
  const Usage now = Now();
  const auto used = now.cpu - begin_.cpu;
  if (used >= time_ || now.waits != begin_.waits) return true;
  end_ = Deadline::After(time_ - used);
  return false;
}

}  // namespace molt
