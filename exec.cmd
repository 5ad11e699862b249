@rem `npm start` is `exec node ...`, so that a shell of Unix gives its place to the server. For the shell of Windows this is exec.
@%*
