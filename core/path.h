// Path<T>: a kernel path, as a coroutine.
//
// Everything the kernel does on behalf of a system call, an interrupt, an IPI, a context switch or
// a work item is a Path. `co_await` stands where another CPU can change the world (a scheduling
// point) or where another Path is called; between two scheduling points a path is atomic.
//
// A Path starts when it is awaited (or handed to the engine), runs inside its caller as long as
// nothing makes it wait, and costs one frame from a pool then. When a scheduling point makes it
// wait, the whole chain of callers suspends; the engine continues the innermost frame later.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace reperf::core {

// Frames are made and freed in great numbers and a few sizes: keep them in free lists.
class FramePool {
 public:
  static void* allocate(std::size_t bytes) {
    const std::size_t cls = size_class(bytes);
    if (cls >= kClasses) return ::operator new(bytes);
    FramePool& pool = instance();
    Node*& head = pool.free_[cls];
    if (head == nullptr) return ::operator new((cls + 1) * kGrain);
    Node* node = head;
    head = node->next;
    return node;
  }
  static void release(void* memory, std::size_t bytes) {
    const std::size_t cls = size_class(bytes);
    if (cls >= kClasses) {
      ::operator delete(memory);
      return;
    }
    FramePool& pool = instance();
    pool.free_[cls] = new (memory) Node{pool.free_[cls]};
  }

  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

 private:
  struct Node {
    Node* next;
  };
  static constexpr std::size_t kGrain = 64;
  static constexpr std::size_t kClasses = 32;  // frames up to 2 KiB

  static std::size_t size_class(std::size_t bytes) { return (bytes + kGrain - 1) / kGrain - 1; }
  static FramePool& instance() {
    thread_local FramePool pool;
    return pool;
  }
  FramePool() = default;
  ~FramePool() {
    for (Node* head : free_) {
      while (head != nullptr) {
        Node* next = head->next;
        ::operator delete(head);
        head = next;
      }
    }
  }
  std::array<Node*, kClasses> free_{};
};

// The suspended frames of one run, innermost last.
using FrameStack = std::vector<std::coroutine_handle<>>;

template <class T = void>
class Path;

namespace detail {

template <class U>
struct PathAwaiter;

struct PathPromiseBase {
  FrameStack* frames = nullptr;  // of the run that this path belongs to

  static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
  static void operator delete(void* memory, std::size_t bytes) {
    FramePool::release(memory, bytes);
  }
  std::suspend_always initial_suspend() noexcept { return {}; }
  std::suspend_always final_suspend() noexcept { return {}; }
  // Nothing in the core throws; running out of memory ends the process.
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

  template <class U>
  PathAwaiter<U> await_transform(Path<U> path);
  template <class Awaiter>
  Awaiter&& await_transform(Awaiter&& awaiter) {
    return std::forward<Awaiter>(awaiter);
  }
};

template <class T>
struct PathPromise : PathPromiseBase {
  std::optional<T> result;
  Path<T> get_return_object();
  void return_value(T value) { result = std::move(value); }
};

template <>
struct PathPromise<void> : PathPromiseBase {
  Path<void> get_return_object();
  void return_void() {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Path {
 public:
  using promise_type = detail::PathPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Path(Handle handle) : handle_(handle) {}
  Path(Path&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Path& operator=(Path&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Path() {
    if (handle_) handle_.destroy();
  }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  [[nodiscard]] Handle handle() const { return handle_; }
  [[nodiscard]] bool done() const { return handle_.done(); }
  // Precondition: done().
  T result() {
    if constexpr (!std::is_void_v<T>) return std::move(*handle_.promise().result);
  }

 private:
  Handle handle_;
};

namespace detail {

template <class U>
struct PathAwaiter {
  Path<U> path;
  FrameStack* frames;

  // Runs the callee inside the caller; the caller suspends only when the callee has to wait.
  bool await_ready() {
    path.handle().promise().frames = frames;
    frames->push_back(path.handle());
    path.handle().resume();
    if (!path.done()) return false;
    frames->pop_back();
    return true;
  }
  void await_suspend(std::coroutine_handle<>) const {}
  U await_resume() { return path.result(); }
};

template <class U>
PathAwaiter<U> PathPromiseBase::await_transform(Path<U> path) {
  return PathAwaiter<U>{std::move(path), frames};
}

template <class T>
Path<T> PathPromise<T>::get_return_object() {
  return Path<T>{std::coroutine_handle<PathPromise<T>>::from_promise(*this)};
}
inline Path<void> PathPromise<void>::get_return_object() {
  return Path<void>{std::coroutine_handle<PathPromise<void>>::from_promise(*this)};
}

}  // namespace detail

}  // namespace reperf::core
