import Foundation

// The C library's functions in double precision, under names that do not clash with kernels'.
func exponentialOf(_ x: Double) -> Double { exp(x) }
func logarithmOf(_ x: Double) -> Double { log(x) }
func hyperbolicTangentOf(_ x: Double) -> Double { tanh(x) }
func powerOfTwo(_ n: Int) -> Float { Float(exp2(Double(n))) }
func cosineOf(_ x: Double) -> Double { cos(x) }
func sineOf(_ x: Double) -> Double { sin(x) }
