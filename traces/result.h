// Result<T>: a value, or an Error that says what is wrong and where.
//
// Bad input (a damaged log, a typo in a scenario) and a failing world (disk full, no privilege)
// are ordinary outcomes for reperf: they travel as values to the command line, which prints one
// line for each and picks the exit code. Nothing here throws.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace reperf {

// What kind of failure it is decides the exit code of the command (docs/reperf.1).
enum class ErrorKind : std::uint8_t {
  input,        // unreadable or damaged input, bad usage: exit code 2
  environment,  // the machine said no: privilege, BTF, disk, missing program: exit code 2
};

// One failure. `what` is a sentence fragment without file name and without final period;
// the command line prints "reperf: FILE: WHAT" or, when `line` is set, "FILE:LINE:COLUMN: WHAT".
struct Error {
  ErrorKind kind = ErrorKind::input;
  std::string what;
  std::string file;          // empty when no file is concerned
  std::uint32_t line = 0;    // 1-based, 0: not a text position
  std::uint32_t column = 0;  // 1-based byte column
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}

  [[nodiscard]] bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  // Precondition: ok().
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !ok().
  [[nodiscard]] const Error& error() const { return std::get<Error>(state_); }
  Error take_error() { return std::move(std::get<Error>(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const { return *error_; }
  Error take_error() { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace reperf

// Evaluates `expr` (a Result); on failure returns its error from the enclosing function.
#define REPERF_TRY(expr)                                          \
  do {                                                            \
    if (auto reperf_try_result = (expr); !reperf_try_result.ok()) \
      return reperf_try_result.take_error();                      \
  } while (false)
