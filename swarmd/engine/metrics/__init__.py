"""What a finished run was worth: one statistic a file, computed from equity and trades given as plain arrays.

Knows neither bars nor the kernel; nothing is simulated and nothing is ranked here.
"""
