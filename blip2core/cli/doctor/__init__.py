"""`blip2 doctor`: looks at everything the studio needs, and says what is wrong and what to do."""
